import { simulateVaults } from './vault-seeds.ts'

simulateVaults(3)
