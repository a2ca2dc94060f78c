// In every Node.

async function main() {
  const { trainOnSpam } = await import('../program/spam.mjs');
  return trainOnSpam();
}

main().then((result) => console.log(JSON.stringify(result)));
