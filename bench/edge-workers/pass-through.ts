// The least that a worker in front of an origin can do: hand the request on. No check, no signature.

export default {
  fetch(request: Request, { ORIGIN_URL }: { readonly ORIGIN_URL: string }): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(`${ORIGIN_URL}${pathname}${search}`, request);
  },
};
