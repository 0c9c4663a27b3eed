/**
 * The sizes and bounds of the log, each with its unit.
 *
 * Owns: numbers that the formats fix and defaults that `JournalOptions` may override.
 */

/** A synced page is never written again, so blocks begin on page boundaries. */
export const PAGE_BYTES = 4096;

/** The first page of a segment file is its header. */
export const SEGMENT_HEADER_BYTES = PAGE_BYTES;

/** The last page of a segment file belongs to its footer's trailer. */
export const SEGMENT_TRAILER_BYTES = PAGE_BYTES;

export const SEGMENT_BYTES_MIN = 1024 * 1024;
export const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024;

/** Ids from here on name archive segments: they hold batches but no part of the journal. */
export const ARCHIVE_ID_MIN = 0x8000_0000;

/** What one block copies into its buffer before the next block is begun. */
export const BLOCK_BUFFER_BYTES = 1024 * 1024;

/** The largest block, payloads that are only referenced included; one larger message gets its own. */
export const BLOCK_BYTES_MAX = 8 * 1024 * 1024;

/** Batches from this size on are referenced until written instead of copied. */
export const REFERENCE_BYTES_MIN = 64 * 1024;

/** Groups up to this size are written on the loop: a hop to the pool costs more than the copy. */
export const LOOP_WRITE_BYTES_MAX = 1024 * 1024;

/** Bytes that may wait for the group in flight; past this, publishers are not read from. */
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;

/** Bytes that may wait for space being made ready; past this, publishes are refused. */
export const GATHERED_BYTES_MAX = 128 * 1024 * 1024;

/** Blocks kept in memory after their commit for readers at the tail. */
export const TAIL_BLOCKS_MAX = 8;

/** Empty blocks kept for the next groups: two groups' worth, and fewer once the log is idle. */
export const POOL_BLOCKS_MAX = 16;
export const POOL_BLOCKS_IDLE = 2;

/** Targets that an append entry can carry itself. */
export const TARGETS_MAX = 4;

/** Segments made ready ahead of the writer. */
export const ARMED_SEGMENTS = 3;

/** Disk that new segments leave free beyond two checkpoints: for the manifest, and whatever rounds up. */
export const DISK_RESERVE_BYTES = 1024 * 1024;

/** After a full disk: how long until the next try. */
export const DISK_RETRY_MS = 1000;

/** Retired files kept for reuse beyond the armed ones: what two checkpoints set free at once. */
export const FREE_SEGMENTS_MAX = 12;

/** Of those, how many stay when none was needed for a while, and how long that is. */
export const FREE_SEGMENTS_IDLE = 2;
export const FREE_SEGMENTS_IDLE_MS = 30_000;

/** After this long without an append an empty block records what is durable. */
export const IDLE_MARK_MS = 100;

/** A checkpoint is due when the journal grew by this much, or by twice the last checkpoint's size. */
export const CHECKPOINT_JOURNAL_BYTES = 256 * 1024 * 1024;

/** Longest slice of background work on the loop. */
export const SLICE_MS = 2;

/** Rewriting: bytes a second, read and written, while there is room, and when it starts. */
export const REWRITE_BYTES_PER_SECOND = 32 * 1024 * 1024;
export const REWRITE_LIVE_RATIO = 0.5;
export const GATHER_EXTENT_BYTES_MIN = 64 * 1024;
export const GATHER_AFTER_MS = 10 * 60 * 1000;

/** How often an idle broker looks for segments to rewrite. */
export const REWRITE_EVERY_MS = 10_000;

/** Segments that one rewrite takes together: sparse ones, and ones to be sorted by partition. */
export const SHRINK_SOURCES_MAX = 32;
export const GATHER_SOURCES_MAX = 8;

/** Their files together: a rewrite notes which of their batches are shared, 1 bit for 16 bytes. */
export const REWRITE_SOURCE_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/** Rows that one rewrite holds in memory, 44 bytes each. */
export const REWRITE_ROWS_MAX = 1_000_000;

/** What is put together in memory before it is written; a larger batch makes an exception. */
export const REWRITE_WINDOW_BYTES = 64 * 1024 * 1024;

/** One read or write of a rewrite. */
export const REWRITE_IO_BYTES = 1024 * 1024;

/** Segments that sparse ones may take beyond twice their live bytes before publishers are slowed. */
export const REWRITE_BEHIND_SEGMENTS = 16;

/** With less free disk than this many segments, one is kept ready for the next rewrite. */
export const REWRITE_SPARE_BELOW = 8;

/** Extents whose liveness is sampled at each look, and the samples of each. */
export const SURVEY_EXTENTS = 4096;
export const SURVEY_SAMPLES = 16;

/** Index rows of one unsealed segment, in bytes; at this size it is sealed early. */
export const INDEX_BYTES_MAX = 64 * 1024 * 1024;
