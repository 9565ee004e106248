// Loaded before anything else (`node --import`), in plain JavaScript: an older Node cannot even read the rest.
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(
    `Longhand needs Node 24 or later, this is ${process.version}: ` +
      'run `npm ci` without --omit=optional (it brings Node 24 on Linux), or install Node 24.',
  );
  process.exit(2);
}
