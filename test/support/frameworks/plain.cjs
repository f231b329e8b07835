const http = require('node:http')

const server = http.createServer((_request, response) => {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ pid: process.pid }))
})
server.listen(process.env.PORT)
