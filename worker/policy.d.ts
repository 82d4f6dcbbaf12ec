// The policy with which the edge is built. wrangler.toml maps this module name to a file.
declare module "countersign:policy" {
  const document: unknown;
  export default document;
}
