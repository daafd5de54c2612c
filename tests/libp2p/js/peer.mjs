// node peer.mjs KEY listen | KEY dial MULTIADDR: a js-libp2p peer on loopback, with an identity of
// that kind (Ed25519, secp256k1, RSA).  It answers /echo/1.0.0; as the dialer it tries all it can.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { createHash, randomBytes } from 'node:crypto'

const ECHO = '/echo/1.0.0'
const MEBIBYTE = 1 << 20
const [kind, role, address] = process.argv.slice(2)

const node = await createLibp2p({
  privateKey: await generateKeyPair(kind, 2048),
  addresses: { listen: role === 'listen' ? ['/ip4/127.0.0.1/tcp/0'] : [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() },
  connectionGater: { denyDialMultiaddr: () => false }
})

async function echo (stream) {
  for await (const chunk of stream) {
    if (!stream.send(chunk.subarray())) await stream.onDrain()
  }
  await stream.close()
}
await node.handle(ECHO, stream => echo(stream).catch(error => stream.abort(error)), {
  maxInboundStreams: 200, maxOutboundStreams: 200
})

// Send so many random bytes, say that these were all, and compare what comes back.
async function check (connection, size) {
  const stream = await connection.newStream(ECHO)
  const sent = createHash('sha256')
  const heard = createHash('sha256')
  const reading = (async () => {
    for await (const chunk of stream) heard.update(chunk.subarray())
  })()
  for (let left = size; left > 0;) {
    const data = randomBytes(Math.min(left, 60_000))
    left -= data.length
    sent.update(data)
    if (!stream.send(data)) await stream.onDrain()
  }
  await stream.close()
  await reading
  if (sent.digest('hex') !== heard.digest('hex')) throw new Error('it came back changed')
}

node.addEventListener('peer:identify', ({ detail }) => {
  const { agentVersion, protocolVersion, protocols, listenAddrs, observedAddr } = detail
  console.log('told:', JSON.stringify({
    agentVersion, protocolVersion, protocols, listenAddrs: listenAddrs.map(String), observedAddr
  }))
})

if (role === 'dial') {
  const connection = await node.dial(multiaddr(address))
  console.log('muxer:', connection.multiplexer, 'security:', connection.encryption)
  for (let i = 0; i < 3; i++) {
    console.log('ping:', await node.services.ping.ping(connection.remotePeer), 'ms')
  }
  const began = performance.now()
  await check(connection, 8 * MEBIBYTE)
  console.log('echo:', Math.round(performance.now() - began), 'ms')
  await Promise.all(Array.from({ length: 100 }, () => check(connection, 10_000)))
  console.log('streams: 100')
  const refused = await connection.newStream('/nobody/speaks/this').catch(error => error.name)
  console.log('refused:', refused)
  await node.stop()
} else {
  console.log('listening:', node.getMultiaddrs().join())
}
