/** The version of this package. Made from package.json by `npm run generate`. */

export const version = '0.0.1';
