/** The client: openapi-fetch with the types of docs/openapi.yaml, whose problems are exceptions. */

import createClient, { type FetchResponse, type MaybeOptionalInit } from "openapi-fetch";
import type { HttpMethod, PathsWithMethod, RequiredKeysOf } from "openapi-typescript-helpers";

import { ProblemError } from "./problems.js";
import type { paths } from "./schema.js";
import { createTransport, type TransportOptions } from "./transport.js";

export interface DutylineOptions extends TransportOptions {
  baseUrl: string;
}

/** A successful answer. */
export interface Answer<Data> {
  data: Data;
  /** Version of the record, for `ifMatch`; undefined for lists and the like. */
  etag: string | undefined;
  response: Response;
}

type InitParam<Init> = RequiredKeysOf<Init> extends never
  ? [(Init & Record<string, unknown>)?]
  : [Init & Record<string, unknown>];
type DataOf<Operation, Init> = Operation extends Record<string | number, unknown>
  ? NonNullable<FetchResponse<Operation, Init, "application/json">["data"]>
  : never;
type Call<Method extends HttpMethod> = <
  Path extends PathsWithMethod<paths, Method>,
  Init extends MaybeOptionalInit<paths[Path], Method>,
>(
  path: Path,
  ...init: InitParam<Init>
) => Promise<Answer<DataOf<paths[Path][Method], Init>>>;

/** What an operation answers: `Data<"/user">`, `Data<"/staffSchedule", "post">`. */
export type Data<Path extends keyof paths, Method extends HttpMethod = "get"> = DataOf<paths[Path][Method], unknown>;
/** An item of a list: `Item<"/location">`. */
export type Item<Path extends keyof paths> =
  Data<Path> extends { items: (infer Element)[]; nextCursor: unknown } ? Element : never;
/** The paths whose GET answers pages. */
export type PagedPath = {
  [Path in keyof paths]: Item<Path> extends never ? never : Path;
}[keyof paths];

/** The operations by method and path, as in the reference. */
export interface Dutyline {
  GET: Call<"get">;
  POST: Call<"post">;
  PUT: Call<"put">;
  PATCH: Call<"patch">;
  DELETE: Call<"delete">;
  /** All items of a list; the next page is fetched when it is needed. */
  pages<Path extends PagedPath, Init extends MaybeOptionalInit<paths[Path], "get">>(
    path: Path,
    ...init: InitParam<Init>
  ): AsyncGenerator<Item<Path>, void, undefined>;
}

interface Result {
  data?: unknown;
  error?: unknown;
  response: Response;
}
type UntypedCall = (path: string, init?: object) => Promise<Result>;
interface Page {
  items: unknown[];
  nextCursor: string | null;
}

/** Create a client of the product at `baseUrl`. Calls throw `ProblemError` and `NetworkError`. */
export function createDutyline({ baseUrl, ...options }: DutylineOptions): Dutyline {
  const client = createClient<paths>({ baseUrl, fetch: createTransport(options) });
  const wrap = (send: unknown) => async (path: string, init?: object) => readAnswer(await (send as UntypedCall)(path, init));
  const get = wrap(client.GET);

  async function* pages(path: string, init: { params?: { query?: object } } = {}) {
    let cursor: string | null = null;
    do {
      const query = { ...init.params?.query, ...(cursor === null ? {} : { cursor }) };
      const page = (await get(path, { ...init, params: { ...init.params, query } })).data as Page;
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  const dutyline = {
    GET: get,
    POST: wrap(client.POST),
    PUT: wrap(client.PUT),
    PATCH: wrap(client.PATCH),
    DELETE: wrap(client.DELETE),
    pages,
  };
  return dutyline as unknown as Dutyline;
}

function readAnswer({ data, error, response }: Result): Answer<unknown> {
  if (!response.ok) throw new ProblemError(response, error);
  return { data, etag: response.headers.get("ETag") ?? undefined, response };
}

/** Headers that make a change fail with 412 if the record is no longer the one that was read. */
export function ifMatch(answer: Pick<Answer<unknown>, "etag">): { "If-Match": string } {
  if (answer.etag === undefined) throw new TypeError("This answer has no ETag; read a single record.");
  return { "If-Match": answer.etag };
}

