export {
  createDutyline,
  ifMatch,
  type Answer,
  type Data,
  type Dutyline,
  type DutylineOptions,
  type Item,
  type PagedPath,
} from "./client.js";
export { isProblem, NetworkError, ProblemError, readRetryAfter, type Problem } from "./problems.js";
export type { components, operations, paths } from "./schema.js";
export { SignInError } from "./provider.js";
export { createSession, type Opener, type Session, type SessionOptions, type TokenStorage } from "./session.js";
export type { Tokens } from "./transport.js";
