/**
 * Kafka requests written field by field, for tests and loads: header version 1, correlation id 0.
 *
 * Independent of `src/protocols/kafka`, so that a mistake there is not repeated here.
 */

export class Frame {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(apiKey: number, version: number, clientId = 'test') {
    this.int16(apiKey).int16(version).int32(0).text(clientId);
  }

  int8(value: number): this {
    return this.raw(Uint8Array.of(value & 0xff));
  }

  int16(value: number): this {
    const part = Buffer.allocUnsafe(2);
    part.writeInt16BE(value);
    return this.raw(part);
  }

  int32(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    return this.raw(part);
  }

  int64(value: number): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64BE(BigInt(value));
    return this.raw(part);
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    return this.int16(bytes.length).raw(bytes);
  }

  raw(part: Uint8Array): this {
    this.#parts.push(part);
    this.#bytes += part.length;
    return this;
  }

  finish(): Buffer {
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(this.#bytes);
    return Buffer.concat([size, ...this.#parts]);
  }
}
