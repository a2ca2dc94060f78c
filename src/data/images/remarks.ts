// What the user should know of pictures that can be used but do not have the pixels that Pillow's
// Image.open(f).convert('RGB') gives: remarks of the decoder, counted by their kind over a run. Each kind is named with
// the first picture as soon as it is met, and with the number of pictures in the end.

export type RemarkKind = 'other decoder' | 'turned' | 'grey of 16 bits' | 'AVIF';

/** Of one picture. */
export interface Remark {
  kind: RemarkKind;
  /** Why, in the decoder's words. */
  reason?: string | undefined;
}

/** A remark on a sample, by its place. */
export interface PlacedRemark extends Remark {
  place: string;
}

/** What a kind means for the pixels; `they`: what the pictures are, for one and for many. */
const meanings: Record<RemarkKind, { one: string; many: string; what: string }> = {
  'other decoder': {
    one: 'JPEG was',
    many: 'JPEGs were',
    what: 'decoded by sharp, whole and slowly, since libjpeg-turbo has something to say against them; look whether they are damaged',
  },
  turned: {
    one: 'picture was',
    many: 'pictures were',
    what: "turned upright as Exif says, which Pillow's Image.open does only when it is asked to",
  },
  'grey of 16 bits': {
    one: 'grey picture of 16 bits was',
    many: 'grey pictures of 16 bits were',
    what: "cut to the upper 8 bits; Pillow's convert('RGB') makes white of all that is above 255",
  },
  AVIF: {
    one: 'AVIF picture was',
    many: 'AVIF pictures were',
    what: "decoded by libheif, whose colours differ from Pillow's by up to some 8 of 255 at edges",
  },
};

/** Beyond this many pictures of a kind their number is a lower bound. */
const mostCounted = 1_000_000;

export class Remarks {
  readonly #found = new Map<RemarkKind, { first: PlacedRemark; places: Set<string> }>();
  readonly #first: (note: string) => void;

  /** @param first told of each kind when it is met */
  constructor(first: (note: string) => void = () => {}) {
    this.#first = first;
  }

  /** Counts a picture once, however often it comes. */
  add(remark: PlacedRemark): void {
    const found = this.#found.get(remark.kind);
    if (!found) {
      this.#found.set(remark.kind, { first: remark, places: new Set([remark.place]) });
      this.#first(`${note(remark, 1)}. In the end their number is told`);
    } else if (found.places.size < mostCounted) found.places.add(remark.place);
  }

  /** A line for each kind that was met. */
  get notes(): string[] {
    return [...this.#found.values()].map(({ first, places }) => note(first, places.size));
  }
}

function note({ kind, place, reason }: PlacedRemark, count: number): string {
  const { one, many, what } = meanings[kind];
  const number = count < mostCounted ? count : `at least ${count}`;
  return `${number} ${count === 1 ? one : many} ${what}. The first: ${place}${reason ? ` (${reason})` : ''}`;
}
