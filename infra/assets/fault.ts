/** An address without credentials and query, fit to be shown. */
export function shownUrl(address: string | URL): string {
  const url = new URL(address);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

const text = (from: unknown, key: 'message' | 'code'): string | null => {
  const value = typeof from === 'object' && from !== null ? (from as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' && value !== '' ? value : null;
};

/** One line on what went wrong, with the system's code where `fetch` hides it in a cause. */
export function describeFault(fault: unknown): string {
  const message = text(fault, 'message') ?? String(fault);
  const code = typeof fault === 'object' && fault !== null && 'cause' in fault ? text(fault.cause, 'code') : null;
  return code === null ? message : `${message} (${code})`;
}
