// Compiles a JSON Schema in Ajv's strict mode. With a file of values, prints whether each is valid.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";

const [schemaFile, valuesFile] = process.argv.slice(2);
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));
const isValid = new Ajv({ strict: true }).compile(readJson(schemaFile));
if (valuesFile) {
  console.log(JSON.stringify(readJson(valuesFile).map((value) => isValid(value))));
}
