// node listen.mjs unix:/path /onion3/…: answers the pings that the onion brings to the path.
import { local, onionNode, told } from './node.mjs'

const [place, onion] = process.argv.slice(2)
const node = await onionNode({ listen: [local(place)], announce: [onion] })

node.addEventListener('peer:identify', ({ detail }) => console.log('a peer told', told(detail)))
console.log('ready:', node.getMultiaddrs().join())
