export async function doctor(_dataDir: string, _o: object): Promise<void> {}
