// Prints, as a JSON array, what AsyncAPI's own parser says of the document on standard input.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

const severities = ["error", "warning", "information", "hint"];

new Parser().parse(readFileSync(0, "utf8")).then(({ diagnostics }) => {
  const found = diagnostics.map(({ severity, code, path, message }) => ({
    severity: severities[severity],
    code,
    path: path.join("."),
    message,
  }));
  process.stdout.write(JSON.stringify(found));
});
