export default { show: '显示', hide: '隐藏', copyHidden: '复制 {key} 的值而不显示', bytes: '{count} 字节，不是文本', none: '没有数据', immutable: '不可更改', yes: '是' };
