// The policy that the edge is built with: wrangler.toml points this name at a file.
declare module "countersign:policy" {
  const document: unknown;
  export default document;
}
