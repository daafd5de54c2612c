import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'

// A node that others reach by its onion, and that dials nothing but `reach`: the local sockets
// that lead to onions. What is not here is left out on purpose: mDNS, bootstrap, DHT, UPnP,
// AutoNAT, relays, hole punching.
export function onionNode ({ listen = [], announce = [], reach = [] }) {
  if (listen.length > 0 && !announce.some(Boolean)) {
    throw new Error('with nothing to announce, identify would tell everybody where we listen')
  }
  const roads = reach.map(withoutPeer)
  return createLibp2p({
    addresses: { listen, announce },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() },

    // Identify tells it to every peer: by default js-libp2p's version, and Node's.
    nodeInfo: { userAgent: 'libp2p' },

    // A peer tells addresses of its choice, which the next dial of that peer would try: past Tor.
    connectionGater: { denyDialMultiaddr: to => !roads.includes(withoutPeer(to.toString())) },

    connectionManager: {
      // A /dnsaddr of its choice too, which would be looked up before the gater is asked.
      resolvers: {},
      // Tor brings all peers from one place. By default 5 a second are let in, and 10 may wait.
      inboundConnectionThreshold: 300,
      maxIncomingPendingConnections: 300,
      // Where a dial through Tor takes half a minute: by default 6, 10 and 10 seconds.
      addressDialTimeout: 120_000,
      dialTimeout: 120_000,
      inboundUpgradeTimeout: 60_000
    },
    // A circuit that stalls for some seconds is no reason to hang up.
    connectionMonitor: { abortConnectionOnPingFailure: false }
  })
}

const withoutPeer = address => address.split('/p2p/')[0]

// What onionp2p calls unix:/path or tcp:127.0.0.1:N, as libp2p writes it.
export function local (place) {
  if (place.startsWith('unix:')) return '/unix/' + encodeURIComponent(place.slice(5))
  return '/ip4/' + place.slice(4).replace(':', '/tcp/')
}

// What a peer has told of itself.
export const told = ({ agentVersion, listenAddrs, observedAddr }) => JSON.stringify({
  agentVersion, listenAddrs: listenAddrs.map(String), observedAddr: observedAddr?.toString()
})
