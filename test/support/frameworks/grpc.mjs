import grpc from '@grpc/grpc-js'

const json = { serialize: (value) => Buffer.from(JSON.stringify(value)), deserialize: (bytes) => JSON.parse(bytes) }
const hello = {
  path: '/hello.Hello/Say',
  requestStream: false,
  responseStream: false,
  requestSerialize: json.serialize,
  requestDeserialize: json.deserialize,
  responseSerialize: json.serialize,
  responseDeserialize: json.deserialize,
}

const server = new grpc.Server()
server.addService({ say: hello }, { say: (_call, answer) => answer(null, { pid: process.pid }) })
server.bindAsync(`0.0.0.0:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
})
