// The policy that the edge is built with: wrangler.toml points this name at a file.
declare module "countersign:policy" {
  const document: unknown;
  export default document;
}

// What `countersign policy check --mark` wrote of it: wrangler.toml runs that before every build.
declare module "countersign:policy-mark" {
  const mark: unknown;
  export default mark;
}
