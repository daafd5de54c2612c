// node dial.mjs /unix/…[/p2p/…]: pings the node to which that socket leads.
import { multiaddr } from '@multiformats/multiaddr'

import { onionNode, told } from './node.mjs'

const road = process.argv[2]
const node = await onionNode({ reach: [road] })

node.addEventListener('peer:identify', ({ detail }) => console.log('the peer told', told(detail)))
const { remotePeer } = await node.dial(multiaddr(road))
for (let i = 0; i < 3; i++) {
  console.log('ping:', await node.services.ping.ping(remotePeer), 'ms')
}
await node.stop()
