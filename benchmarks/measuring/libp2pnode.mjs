// node libp2pnode.mjs: a node of js-libp2p that does as measuring/libp2ppeer.py does, line for line.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { createInterface } from 'node:readline'

const ECHO = '/measure/echo/1.0.0'
const SINK = '/measure/sink/1.0.0'
const BLOCK = new Uint8Array(65536)
const GIBIBYTE = 2 ** 30

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false },
  // So many from one host are no attack here.
  connectionManager: { inboundConnectionThreshold: 10_000 }
})
await node.handle(ECHO, async stream => {
  for await (const chunk of stream) {
    if (!stream.send(chunk.subarray())) await stream.onDrain()
  }
  await stream.close()
})
await node.handle(SINK, async stream => {
  for await (const chunk of stream) chunk.byteLength
  stream.send(new Uint8Array(1))
  await stream.close()
})

const seconds = async work => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

const measures = {
  async connects (address, count) {
    const clock = await seconds(async () => {
      for (let i = 0; i < count; i++) {
        const connection = await node.dial(address)
        await connection.close()
      }
    })
    return clock / count
  },
  async trips (address, count) {
    const connection = await node.dial(address)
    const stream = await connection.newStream(ECHO)
    const chunks = stream[Symbol.asyncIterator]()
    const trip = async () => {
      stream.send(BLOCK.subarray(0, 32))
      for (let missing = 32; missing > 0;) missing -= (await chunks.next()).value.byteLength
    }
    await trip()
    const clock = await seconds(async () => {
      for (let i = 0; i < count; i++) await trip()
    })
    await connection.close()
    return clock / count
  },
  async upload (address, size) {
    const connection = await node.dial(address)
    const stream = await connection.newStream(SINK)
    const clock = await seconds(async () => {
      for (let left = size; left > 0; left -= BLOCK.length) {
        if (!stream.send(BLOCK)) await stream.onDrain()
      }
      await stream.close()
      for await (const chunk of stream) chunk.byteLength
    })
    await connection.close()
    return clock * GIBIBYTE / size
  }
}

console.log(JSON.stringify({ address: node.getMultiaddrs()[0].toString() }))
createInterface({ input: process.stdin }).on('line', async line => {
  const [what, address, amount] = JSON.parse(line)
  console.log(JSON.stringify(await measures[what](multiaddr(address), amount)))
})
