// A certified OpenID Connect provider (oidc-provider) that keeps the accounts. Everybody who comes is Ada and agrees at once.
//   node oidc_provider.mjs AUDIENCE      prints one JSON line with its address, and ends with its standard input
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(path.join(process.cwd(), 'package.json'));
const { default: Provider } = await import(pathToFileURL(resolve('oidc-provider')));
const [audience] = process.argv.slice(2);
const ada = { sub: 'ada-at-the-issuer', name: 'Ada Lovelace', preferred_username: 'ada' };
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const server = http.createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'films-app',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  }],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'ours' }] },
  cookies: { keys: ['a secret of this test'] },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
  findAccount: (_, accountId) => ({ accountId, claims: () => ada }),
  extraTokenClaims: () => ({ name: ada.name, preferred_username: ada.preferred_username }),
  interactions: { url: (_, interaction) => `/agree/${interaction.uid}` },
  ttl: { AccessToken: 300, AuthorizationCode: 60, DeviceCode: 600, Grant: 3600, IdToken: 300, Interaction: 600, RefreshToken: 3600, Session: 3600 },
  features: {
    devInteractions: { enabled: false },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, form) => { ctx.body = form; },
      userCodeConfirmSource: (ctx, form) => { ctx.body = form; },
      successSource: (ctx) => { ctx.body = 'done'; },
    },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== audience) throw new Error('another resource');
        return { scope: 'upload', audience, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } } };
      },
    },
  },
});

const standard = provider.callback();
server.on('request', async (request, response) => {
  if (!request.url.startsWith('/agree/')) return standard(request, response);
  const { prompt, params, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: ada.sub } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: ada.sub, clientId: params.client_id });
  grant.addOIDCScope('openid profile offline_access');
  grant.addResourceScope(audience, 'upload');
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
});

console.log(JSON.stringify({ issuer }));
process.stdin.resume().on('end', () => process.exit(0));
