// Lints an OpenAPI document with all recommended rules of Redocly as errors.
import { createConfig, formatProblems, lint } from "@redocly/openapi-core";

const config = await createConfig({ extends: ["recommended-strict"] });
const problems = await lint({ ref: process.argv[2], config });
formatProblems(problems, {
  format: "stylish",
  version: "",
  totals: { errors: problems.length, warnings: 0, ignored: 0 },
});
process.exitCode = problems.length ? 1 : 0;
