// node trap.mjs default|onion: dials a peer that has told false addresses of its own, again once
// that peer is gone, and prints whom that led to.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { once } from 'node:events'
import { createServer } from 'node:net'

import { local, onionNode } from './node.mjs'

const node = {
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() }
}
const kind = process.argv[2]
const road = local(`unix:${process.cwd()}/${kind}.sock`)

// It stands for any address of the Internet, where it would see ours.
const elsewhere = createServer(socket => {
  console.log('led to: an address')
  socket.destroy()
}).listen(0, '127.0.0.1')
await once(elsewhere, 'listening')

const announce = [`/ip4/127.0.0.1/tcp/${elsewhere.address().port}`, '/dnsaddr/name.invalid']
const peer = await createLibp2p({ ...node, addresses: { listen: [road], announce } })
const victim = kind === 'onion' ? await onionNode({ reach: [road] }) : await createLibp2p(node)
victim.components.dns = { // no name is looked up in truth
  async query (name) {
    console.log('led to: a name')
    return { Answer: [] }
  }
}

const identified = once(victim, 'peer:identify')
await victim.dial(multiaddr(road))
await identified
const disconnected = once(victim, 'peer:disconnect')
await peer.stop()
await disconnected
await victim.services.ping.ping(peer.peerId).catch(error => console.log('failed:', error.name))
await victim.stop()
elsewhere.close()
