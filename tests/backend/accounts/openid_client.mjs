// A third-party OAuth client (openid-client) signs in, calls, refreshes and signs out. Prints one JSON line.
import * as client from 'openid-client';

const [issuer, clientId, username, password] = process.argv.slice(2);
const redirect = 'http://127.0.0.1:5000/callback';
const said = {};

const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
  algorithm: 'oauth2',
  execute: [client.allowInsecureRequests],
});
said.issuer = config.serverMetadata().issuer;

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const authorize = client.buildAuthorizationUrl(config, {
  redirect_uri: redirect,
  scope: 'upload offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
});

// the person at the browser
const page = await fetch(authorize);
const cookie = page.headers.get('set-cookie').split(';')[0];
const unescape = (text) => text.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&amp;', '&');
const hidden = [...(await page.text()).matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
const back = await fetch(authorize.origin + authorize.pathname, {
  method: 'POST',
  redirect: 'manual',
  headers: { cookie, origin: authorize.origin },
  body: new URLSearchParams([...hidden.map(([, n, v]) => [n, unescape(v)]), ['username', username], ['password', password]]),
});

const first = await client.authorizationCodeGrant(config, new URL(back.headers.get('location')), {
  pkceCodeVerifier: verifier,
  expectedState: state,
});
said.scope = first.scope;
const whoami = async (token) =>
  (await client.fetchProtectedResource(config, token, new URL('/whoami', issuer), 'GET')).json();
said.first = await whoami(first.access_token);

const second = await client.refreshTokenGrant(config, first.refresh_token);
said.rotated = second.refresh_token !== first.refresh_token;
said.second = await whoami(second.access_token);

await client.tokenRevocation(config, second.refresh_token);
said.afterSignOut = await client.refreshTokenGrant(config, second.refresh_token).catch((error) => error.error);
said.tokenAfterSignOut = await whoami(second.access_token).catch((error) => error.status);
console.log(JSON.stringify(said));
