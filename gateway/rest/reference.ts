/** `/docs`: the OpenAPI document as a page, by Swagger UI out of its own package. */
import express, { Router } from 'express';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OWN = fileURLToPath(new URL('../reference/', import.meta.url));
const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
/** The package has much more, which no one needs. */
const SERVED = ['swagger-ui.css', 'swagger-ui-bundle.js'] as const;

/** Scripts and styles come from here, and from nowhere else; Swagger UI sets styles on elements and has icons in its own. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

export function referenceRoutes(): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.setHeader('Content-Security-Policy', POLICY);
    next();
  });
  for (const name of SERVED) router.get(`/${name}`, (_request, response) => response.sendFile(join(SWAGGER_UI, name)));
  router.use(express.static(OWN));
  return router;
}
