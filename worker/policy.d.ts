// The policy that the edge is built with. wrangler.toml maps this module name to a file.
declare module "countersign:policy" {
  const document: unknown;
  export default document;
}
