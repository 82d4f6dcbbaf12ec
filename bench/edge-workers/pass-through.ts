// The minimal worker in front of an origin. It passes the request on, and neither checks nor signs it.

export default {
  fetch(request: Request, { ORIGIN_URL }: { readonly ORIGIN_URL: string }): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(`${ORIGIN_URL}${pathname}${search}`, request);
  },
};
