export default {
  notManifest: '{name} is no manifest: YAML and JSON files are read',
  tooLarge: '{name} is larger than 16 MiB',
  unreadable: '{name} could not be read',
  tooMany: 'Only the first 500 files were read, up to {name}',
};
