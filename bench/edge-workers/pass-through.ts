// The minimal worker in front of an origin: it passes the request on, without a check or a signature.

export default {
  fetch(request: Request, { ORIGIN_URL }: { readonly ORIGIN_URL: string }): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(`${ORIGIN_URL}${pathname}${search}`, request);
  },
};
