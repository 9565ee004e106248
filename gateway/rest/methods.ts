/** An address that exists, asked in a way it does not know, says which ways it knows. */
import type { Router } from 'express';
import { Failure } from '../failures.ts';

/** Answers 405 (RFC 9110, 15.5.6) at every address of a router. To be called behind its last route. */
export function refuseOtherMethods(router: Router): Router {
  const routes = router.stack.flatMap(({ route }) => (route === undefined ? [] : [route]));
  for (const [path, known] of Map.groupBy(routes, (route) => route.path)) {
    const methods = known.flatMap((route) => route.stack.map(({ method }) => method.toUpperCase()));
    const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
    router.all(path, (request, response, next) => {
      if (request.method === 'OPTIONS') {
        next();
        return;
      }
      response.setHeader('Allow', allowed.join(', '));
      throw new Failure('method_not_allowed', `${request.method} is not known here: one of ${allowed.join(', ')}`);
    });
  }
  return router;
}
