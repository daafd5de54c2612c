// node heard.mjs LOCAL: prints the whole of what a node answers to identify, in hexadecimal.
import { lpStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { once } from 'node:events'

import { onionNode } from './node.mjs'

const road = process.argv[2]
const node = await onionNode({ reach: [road] })
const identified = once(node, 'peer:identify')
const connection = await node.dial(multiaddr(road))
await identified // of itself: it is answered one at a time
const stream = lpStream(await connection.newStream('/ipfs/id/1.0.0'))
console.log('heard:', Buffer.from((await stream.read()).subarray()).toString('hex'))
await node.stop()
