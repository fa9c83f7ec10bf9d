export default {
  notManifest: '{name} 不是清单文件：只读取 YAML 和 JSON 文件',
  tooLarge: '{name} 超过 16 MiB',
  unreadable: '无法读取 {name}',
  tooMany: '只读取了前 500 个文件，到 {name} 为止',
};
