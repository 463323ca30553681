// Mux's own packages: the schema of a request, their check of a webhook, their signing of playback. Answers one JSON.
import { Mux } from '@mux/mux-node'
import upload from '@mux/mcp/tools/video/uploads/create-video-uploads.js'

const [what, asked] = [process.argv[2], JSON.parse(process.argv[3])]
const mux = new Mux({ tokenId: 'a', tokenSecret: 'b', jwtSigningKey: asked.keyId, jwtPrivateKey: asked.key })

async function taken({ body, header, secret }) {
  try {
    await mux.webhooks.verifySignature(body, { 'mux-signature': header }, secret)
    return true
  } catch (error) {
    return false
  }
}

const answers = {
  schema: () => upload.tool.inputSchema,
  webhooks: () => Promise.all(asked.map(taken)),
  tokens: () => Promise.all(['video', 'thumbnail'].map((type) => mux.jwt.signPlaybackId(asked.playbackId, { type, expiration: '24h' }))),
}
console.log(JSON.stringify(await answers[what]()))
