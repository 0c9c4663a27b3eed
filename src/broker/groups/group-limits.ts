/**
 * The limits of groups, each with its unit. What a user may change is an option of the broker
 * (`BrokerOptions` in ../options.ts); what is here follows from formats and budgets.
 */

/** Groups of a broker. */
export const groupsMax = 100_000;

/** Partitions that one group has committed an offset of. */
export const offsetsPerGroupMax = 200_000;
/** Offsets of all groups together: about 150 bytes each. */
export const offsetsMax = 2_000_000;
/** Metadata of all offsets together, in characters. */
export const offsetMetadataTotalMax = 128 * 1024 * 1024;

/** A group id, a member's client id or protocol name ..., in bytes of UTF-8. */
export const groupTextBytesMax = 32 * 1024 - 1;

/** One generation in the journal, in bytes: it is one entry, and that fits any segment. */
export const generationBytesMax = 768 * 1024;
/** What the members of one group say and are told, in bytes, protocols not chosen included. */
export const groupBytesMax = 4 * 1024 * 1024;
/** What the members of all groups say and are told, in bytes. */
export const membersBytesMax = 256 * 1024 * 1024;
/** What a member costs besides its texts and bytes. */
export const memberOverheadBytes = 64;

/** Offsets are committed in entries of about this many bytes. */
export const commitEntryBytes = 256 * 1024;

/** Protocols of one member. */
export const protocolsPerMemberMax = 64;

/** A member that waits for its first generation is given up after this long: its peer may be gone. */
export const newMemberJoinMsMax = 5 * 60 * 1000;

/** A timer that is later than this, in ms, has been held up together with everything else. */
export const stallMsMin = 1000;

/** Between two looks whether static members are back, in ms. */
export const rejoinWaitMsMin = 1000;

/** Of a client's id, in the member id that it gets, in characters. */
export const memberIdPrefixMax = 255;

/** Groups looked at for expired offsets in one go. */
export const expirySliceGroups = 64;
