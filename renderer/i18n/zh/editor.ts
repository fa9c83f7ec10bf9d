export default { unchanged: '$ 行未更改', find: '查找', replace: '替换', next: '下一个', previous: '上一个', all: '全部', matchCase: '区分大小写', regexp: '正则表达式', byWord: '全词匹配', replaceOne: '替换', replaceAll: '全部替换' };
