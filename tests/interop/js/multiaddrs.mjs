// Tells of each line of JSON, {"text": …} or {"bytes": hexadecimal}, what js-libp2p makes of it.
import { multiaddr } from '@multiformats/multiaddr'
import { createInterface } from 'node:readline'

createInterface({ input: process.stdin }).on('line', line => {
  const { text, bytes } = JSON.parse(line)
  let answer
  try {
    const address = multiaddr(text ?? Uint8Array.from(Buffer.from(bytes, 'hex')))
    answer = { text: address.toString(), bytes: Buffer.from(address.bytes).toString('hex') }
  } catch (error) {
    answer = { error: error.message }
  }
  console.log(JSON.stringify(answer))
})
