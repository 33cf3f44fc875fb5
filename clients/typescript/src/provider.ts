/** The identity provider: its pages, and tokens for what they return (OAuth 2.1, OpenID Connect). */

import * as oauth from "oauth4webapi";

import { NetworkError } from "./problems.js";

export interface ProviderOptions {
  /** For example `https://login.example.com/`. */
  issuer: string;
  clientId: string;
  audience: string;
  redirectUri: string;
  /** Where the identity provider goes after sign-out. Default: `redirectUri`. */
  signedOutUri?: string;
  /** Default: `openid offline_access`. */
  scope?: string;
}

/** The identity provider refused, or the person did. `code` is OAuth's, such as `access_denied`. */
export class SignInError extends Error {
  override readonly name = "SignInError";
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface StoredTokens {
  accessToken: string;
  refreshToken: string | undefined;
  idToken: string | undefined;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}
/** What a sign-in must remember until its answer. */
export interface PendingSignIn {
  state: string;
  nonce: string;
  verifier: string;
}

export function createPendingSignIn(): PendingSignIn {
  return {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
  };
}

/** The identity provider's endpoints, found by discovery once. */
export function createProvider(options: ProviderOptions) {
  const issuer = new URL(options.issuer);
  const client: oauth.Client = { client_id: options.clientId };
  const authentication = oauth.None();
  const http = { [oauth.allowInsecureRequests]: ["127.0.0.1", "localhost"].includes(issuer.hostname) };
  let discovered: Promise<oauth.AuthorizationServer> | undefined;

  const discover = () =>
    (discovered ??= connect(() => oauth.discoveryRequest(issuer, http))
      .then((response) => oauth.processDiscoveryResponse(issuer, response))
      .catch((error: unknown) => {
        discovered = undefined;
        throw error;
      }));

  async function signInUrl(pending: PendingSignIn): Promise<string> {
    const url = new URL((await discover()).authorization_endpoint ?? "");
    url.search = new URLSearchParams({
      client_id: options.clientId,
      redirect_uri: options.redirectUri,
      audience: options.audience,
      scope: options.scope ?? "openid offline_access",
      response_type: "code",
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
      state: pending.state,
      nonce: pending.nonce,
    }).toString();
    return url.href;
  }

  async function redeem(answer: URLSearchParams, pending: PendingSignIn): Promise<StoredTokens> {
    const server = await discover();
    try {
      const parameters = oauth.validateAuthResponse(server, client, answer, pending.state);
      const { redirectUri } = options;
      const response = await connect(() =>
        oauth.authorizationCodeGrantRequest(server, client, authentication, parameters, redirectUri, pending.verifier, http),
      );
      const checks = { expectedNonce: pending.nonce, requireIdToken: true };
      return toStored(await oauth.processAuthorizationCodeResponse(server, client, response, checks));
    } catch (error) {
      throw toSignInError(error);
    }
  }

  /** Fresh tokens; undefined if the session has ended: revoked, expired, or the person is blocked. */
  async function refresh(tokens: StoredTokens): Promise<StoredTokens | undefined> {
    const server = await discover();
    const response = await connect(() =>
      oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refreshToken ?? "", http),
    );
    try {
      const fresh = toStored(await oauth.processRefreshTokenResponse(server, client, response));
      return { ...fresh, refreshToken: fresh.refreshToken ?? tokens.refreshToken, idToken: fresh.idToken ?? tokens.idToken };
    } catch (error) {
      if (error instanceof oauth.ResponseBodyError && error.status !== 429) return undefined;
      throw toSignInError(error);
    }
  }

  async function revoke({ refreshToken }: StoredTokens): Promise<void> {
    if (refreshToken === undefined) return;
    const server = await discover();
    await connect(() => oauth.revocationRequest(server, client, authentication, refreshToken, http));
  }

  async function signOutUrl({ idToken }: StoredTokens): Promise<string> {
    const url = new URL((await discover()).end_session_endpoint ?? "");
    url.search = new URLSearchParams({
      client_id: options.clientId,
      post_logout_redirect_uri: options.signedOutUri ?? options.redirectUri,
      ...(idToken === undefined ? {} : { id_token_hint: idToken }),
    }).toString();
    return url.href;
  }

  return { signInUrl, redeem, refresh, revoke, signOutUrl };
}

function toStored(response: oauth.TokenEndpointResponse): StoredTokens {
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    idToken: response.id_token,
    expiresAt: Date.now() + (response.expires_in ?? 300) * 1000,
  };
}

function toSignInError(error: unknown): unknown {
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
    return new SignInError(error.error, error.error_description ?? error.error, { cause: error });
  }
  if (error instanceof oauth.OperationProcessingError) {
    return new SignInError(error.code ?? "invalid_response", error.message, { cause: error });
  }
  return error;
}

async function connect(send: () => Promise<Response>): Promise<Response> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof TypeError) throw new NetworkError("The sign-in service does not answer.", { cause: error });
    throw error;
  }
}
