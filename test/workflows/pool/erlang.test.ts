/** The queueing formulas against published tables and closed forms. */
import fc from 'fast-check';
import { erlangB, erlangC, loadFor, serversFor, shareWaitingLonger } from '../../../workflows/pool/erlang.ts';

// Erlang B tables (e.g. ITU Teletraffic Engineering Handbook, 2005, table of the loss formula): servers, blocking, load.
test.each([
  [1, 0.01, 0.0101],
  [2, 0.01, 0.153],
  [5, 0.01, 1.361],
  [10, 0.01, 4.461],
  [10, 0.001, 3.092],
  [20, 0.01, 12.03],
  [50, 0.01, 37.9],
  [100, 0.01, 84.06],
])('Erlang B: %i servers block %f of %f erlangs, as the tables say', (servers, blocking, load) => {
  expect(erlangB(servers, load) / blocking).toBeCloseTo(1, 2);
});

test('Erlang C is the load for one server and a²/(2 + a) for two, in closed form', () => {
  for (const load of [0.1, 0.5, 0.9]) {
    expect(erlangC(1, load)).toBeCloseTo(load, 12);
    expect(erlangC(2, 2 * load)).toBeCloseTo((4 * load * load) / (2 + 2 * load), 12);
  }
});

// Call Centre Helper, "Erlang C formula – made simple with an easy worked example": 200 calls an hour of 180 s.
test('Erlang C: of 10 erlangs on 14 servers 17.4 % wait, and 88.8 % are served within 20 s', () => {
  expect(erlangC(14, 10)).toBeCloseTo(0.174, 3);
  expect(1 - shareWaitingLonger(14, 10, 20_000, 180_000)).toBeCloseTo(0.888, 3);
});

test('the fewest servers and the largest load for a wait target fit each other', () => {
  const target = { servedShare: 0.99, withinMs: 2000 };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), (servers) => {
      const load = loadFor(servers, target, 240_000);
      expect(serversFor(load, target, 240_000)).toBe(servers);
      expect(serversFor(load * 1.001 + 1e-4, target, 240_000)).toBe(servers + 1);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('no load needs no server, and a load of as much as the servers keeps all waiting', () => {
  expect(serversFor(0, { servedShare: 0.99, withinMs: 2000 }, 240_000)).toBe(0);
  expect(erlangC(5, 5)).toBe(1);
  expect(shareWaitingLonger(5, 7, 2000, 240_000)).toBe(1);
});
