import type Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { statsOf } from '../../../main/runtime/docker/stats.ts';

const engineThatSays = (stats: object) => ({ getContainer: () => ({ stats: async () => stats }) }) as unknown as Docker;

const cpu = {
  cpu_usage: { total_usage: 5_000, usage_in_usermode: 3_000, usage_in_kernelmode: 2_000 },
  throttling_data: { periods: 10, throttled_periods: 4, throttled_time: 700 },
};
const counters = { rx_bytes: 1, rx_packets: 2, rx_errors: 3, rx_dropped: 4, tx_bytes: 5, tx_packets: 6, tx_errors: 7, tx_dropped: 8 };

describe('what an engine says of a container', () => {
  it('is understood with version 1 of control groups', async () => {
    const stats = await statsOf(
      engineThatSays({
        read: '2026-01-01T00:00:00.5Z',
        cpu_stats: cpu,
        memory_stats: { usage: 1000, max_usage: 1500, stats: { total_inactive_file: 300, total_rss: 400, total_cache: 350, total_mapped_file: 20, total_swap: 5, total_pgfault: 9, total_pgmajfault: 1 } },
        pids_stats: { current: 3 },
        blkio_stats: {
          io_service_bytes_recursive: [{ major: 8, minor: 0, op: 'Read', value: 100 }, { major: 8, minor: 0, op: 'Write', value: 200 }, { major: 8, minor: 0, op: 'Total', value: 300 }],
          io_serviced_recursive: [{ major: 8, minor: 0, op: 'Read', value: 1 }],
        },
        networks: { eth0: counters, eth1: counters },
      }),
      'c1',
    );
    expect(stats).toEqual({
      id: 'c1',
      timestamp: Date.parse('2026-01-01T00:00:00.5Z'),
      cpuNanoseconds: 5_000,
      memoryUsageBytes: 1000,
      memoryWorkingSetBytes: 700,
      memoryRssBytes: 400,
      pageFaults: 9,
      majorPageFaults: 1,
      network: { receivedBytes: 2, receivedPackets: 4, receiveErrors: 6, receiveDrops: 8, sentBytes: 10, sentPackets: 12, sendErrors: 14, sendDrops: 16 },
      details: {
        cpuUserNanoseconds: 3_000,
        cpuSystemNanoseconds: 2_000,
        throttling: { periods: 10, throttledPeriods: 4, throttledNanoseconds: 700 },
        memoryCacheBytes: 350,
        memoryMappedBytes: 20,
        memorySwapBytes: 5,
        memoryMostBytes: 1500,
        processes: 3,
        disks: new Map([['8:0', { readBytes: 100, writtenBytes: 200, reads: 1, writes: 0 }]]),
      },
    });
  });

  it('is understood with version 2', async () => {
    const stats = await statsOf(
      engineThatSays({
        read: '2026-01-01T00:00:00Z',
        cpu_stats: { cpu_usage: { total_usage: 1 } },
        memory_stats: { usage: 1000, stats: { inactive_file: 100, anon: 400, file: 350, file_mapped: 20, pgfault: 9, pgmajfault: 1 } },
        blkio_stats: { io_service_bytes_recursive: [{ major: 8, minor: 16, op: 'read', value: 7 }], io_serviced_recursive: null },
      }),
      'c1',
    );
    expect(stats).toMatchObject({ memoryWorkingSetBytes: 900, memoryRssBytes: 400, details: { memoryCacheBytes: 350, memoryMappedBytes: 20, disks: new Map([['8:16', { readBytes: 7, writtenBytes: 0, reads: 0, writes: 0 }]]) } });
    expect(stats!.details).not.toHaveProperty('throttling');
  });

  it('is nothing of one that does not run', async () => {
    expect(await statsOf(engineThatSays({ read: '0001-01-01T00:00:00Z', cpu_stats: cpu, memory_stats: {} }), 'c1')).toBeUndefined();
  });
});
