// A third-party OAuth client (openid-client) signs in, calls, refreshes and signs out. Prints one JSON line.
import * as client from 'openid-client';

const [issuer, clientId, username, password] = process.argv.slice(2);
const redirect = 'http://127.0.0.1:5000/callback';
const said = {};

const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
  algorithm: 'oauth2',
  timeout: 120,
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
const fields = async (reply) => [...(await reply.text()).matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
const hidden = await fields(page);
const person = [['username', username], ['password', password]];
const send = (url, hidden, more, cookie) =>
  fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie, origin: new URL(issuer).origin },
    body: new URLSearchParams([...hidden.map(([, n, v]) => [n, unescape(v)]), ...more]),
  });
const back = await send(authorize.origin + authorize.pathname, hidden, person, cookie);

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

// the same person at another computer, with the code that the app shows
const codes = await client.initiateDeviceAuthorization(config, { scope: 'upload offline_access' });
const polled = client.pollDeviceAuthorizationGrant(config, { ...codes, interval: 1 });
const entry = await fetch(codes.verification_uri_complete);
const asked = await send(codes.verification_uri, await fields(entry), [['user_code', codes.user_code]], entry.headers.get('set-cookie').split(';')[0]);
const answered = await send(`${codes.verification_uri}/confirm`, await fields(asked), person, asked.headers.get('set-cookie').split(';')[0]);
said.answered = answered.status;
const third = await polled;
said.third = await whoami(third.access_token);
said.deviceRefreshed = (await client.refreshTokenGrant(config, third.refresh_token)).scope;
said.deviceAgain = await client
  .genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', { device_code: codes.device_code })
  .catch((error) => error.error);
console.log(JSON.stringify(said));
