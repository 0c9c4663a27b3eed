/**
 * What the disk itself does, measured between the rounds of a load.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Histogram } from './measure.ts';

const mebibyte = 1024 * 1024;

/** A new file, 1 MiB at a time, each synced: MB/s. */
export function writeAndSync(folder: string, seconds: number): number {
  const file = path.join(folder, 'bare-writes');
  const fd = fs.openSync(file, 'w');
  const chunk = Buffer.alloc(mebibyte, 7);
  const started = performance.now();
  let bytes = 0;
  while (performance.now() - started < seconds * 1000) {
    fs.writeSync(fd, chunk);
    fs.fdatasyncSync(fd);
    bytes += chunk.length;
  }
  const rate = bytes / 1e6 / ((performance.now() - started) / 1000);
  fs.closeSync(fd);
  fs.rmSync(file);
  return rate;
}

/** 4 KiB overwritten in a file full of zeros, then fdatasync: p50 of the latter, ms. */
export function syncAlone(folder: string, seconds: number): number {
  const file = path.join(folder, 'bare-syncs');
  const fd = fs.openSync(file, 'w+');
  fs.writeSync(fd, Buffer.alloc(16 * mebibyte));
  fs.fsyncSync(fd);
  const page = Buffer.alloc(4096, 7);
  const histogram = new Histogram();
  const until = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < until; i++) {
    fs.writeSync(fd, page, 0, page.length, (i * page.length) % (16 * mebibyte));
    const started = performance.now();
    fs.fdatasyncSync(fd);
    histogram.add(performance.now() - started);
  }
  fs.closeSync(fd);
  fs.rmSync(file);
  return histogram.percentiles().p50;
}
