import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: Number(process.env.PORT) })
server.on('connection', (socket) => {
  socket.on('error', console.error)
  socket.on('message', (data) => {
    // Work that has been accepted: what it takes is asked for by the client.
    const { number, takesMs } = JSON.parse(data)
    setTimeout(() => socket.send(JSON.stringify({ number, pid: process.pid })), takesMs)
  })
})
