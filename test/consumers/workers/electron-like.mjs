// Preloaded in every thread of a program: the process says that it is Electron's, and its executable opens the
// application unless it is told to be Node.

Object.defineProperty(process, 'versions', { value: { ...process.versions, electron: '99.0.0' } });
process.execPath = process.env.APPLICATION;
