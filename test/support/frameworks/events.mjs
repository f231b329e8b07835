import express from 'express'

const app = express()
app.get('/', (_request, response) => {
  response.json({ pid: process.pid })
})
app.get('/events', (request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  let id = Number(request.get('Last-Event-ID') ?? 0)
  const timer = setInterval(() => response.write(`id: ${++id}\ndata: ${process.pid}\n\n`), 100)
  response.on('close', () => clearInterval(timer))
})
app.listen(process.env.PORT)
