#!/usr/bin/env node
// Plain JavaScript, so that an older Node gets as far as the line that says which one is needed.
import '../start/check-node.mjs';
await import('./longhand.ts');
