// node burst.mjs LOCAL COUNT: so many nodes dial at once, and all are to stay.
import { multiaddr } from '@multiformats/multiaddr'

import { onionNode } from './node.mjs'

const [road, count] = process.argv.slice(2)
const nodes = await Promise.all(Array.from({ length: Number(count) }, () => onionNode({ reach: [road] })))

const dials = await Promise.allSettled(nodes.map(async node => {
  const { remotePeer } = await node.dial(multiaddr(road))
  await node.services.ping.ping(remotePeer)
  return () => node.services.ping.ping(remotePeer)
}))
// Who was refused may learn of it after his own handshake: so ask again, once all have been in.
const again = await Promise.allSettled(dials.map(async ({ value: ping }) => ping()))
for (const { reason } of dials) {
  if (reason) console.log('failed:', reason.message)
}
const alive = nodes.filter((node, i) => again[i].status === 'fulfilled' && node.getConnections().length === 1)
console.log('alive:', alive.length)
await Promise.all(nodes.map(node => node.stop()))
