// SPDX-License-Identifier: GPL-2.0-only
// powershell.js -- parses a PowerShell script with tree-sitter's grammar (npm: @vscode/tree-sitter-wasm). Prints one line
// for each place that is not PowerShell, and last "parsed: N commands, N entries of tables".
//
//	node powershell.js DIRECTORY-OF-THE-MODULE SCRIPT
const fs = require('fs');
const path = require('path');

const [wasm, script] = [path.join(process.argv[2], 'wasm'), process.argv[3]];
const { Parser, Language } = require(path.join(wasm, 'tree-sitter.js'));

async function main() {
  await Parser.init({ locateFile: (name) => path.join(wasm, name) });
  const parser = new Parser();
  parser.setLanguage(await Language.load(path.join(wasm, 'tree-sitter-powershell.wasm')));
  const tree = parser.parse(fs.readFileSync(script, 'utf8'));
  const count = {};
  const visit = (node) => {
    count[node.type] = (count[node.type] || 0) + 1;
    if (node.type === 'ERROR' || node.isMissing)
      console.log(`line ${node.startPosition.row + 1}: ${JSON.stringify(node.text.slice(0, 60))}`);
    for (let i = 0; i < node.childCount; i++) visit(node.child(i));
  };
  visit(tree.rootNode);
  console.log(`parsed: ${count.command || 0} commands, ${count.hash_entry || 0} entries of tables`);
}

main();
